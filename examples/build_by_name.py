"""Every family by its name at about 5,000 parameters, and one epoch of those that take seconds."""

import keraseq
from keraseq.models import count_parameters

task = keraseq.load_task("digits")
for name in keraseq.list_models():
    model = keraseq.create_model(name, task, parameters=5_000, seed=0)
    line = f"{name:12s} {count_parameters(model):6,} parameters"
    if name in ("gru", "linear", "min_gru", "rnn", "tcn"):
        result = keraseq.fit(model, task, epochs=1, progress=False)
        line += f"  validation accuracy {result.score:.3f}"
    print(line)

"""Every family by name, at one size, on the embedded digits: build, count, train one epoch."""

import keraseq

if __name__ == "__main__":
    task = keraseq.load_task("digits")
    for name in keraseq.list_models():
        model = keraseq.create_model(name, task, parameters=5_000, seed=0)
        result = keraseq.fit(model, task, epochs=1, learning_rate=5e-3, progress=False)
        print(f"{name:12} {model.count_params():6,} parameters  validation accuracy {result.score:.3f}")

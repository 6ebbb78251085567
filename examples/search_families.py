"""A small search across families, its leaderboard, and predictions of the best model on raw images."""

import tempfile

import keraseq

if __name__ == "__main__":  # trials run in processes that import this file
    task = keraseq.load_task("digits")
    with tempfile.TemporaryDirectory() as folder:
        study = keraseq.search(task, models=["cnn", "linear"], trials=4, epochs=3, directory=folder)
        for row in study.leaderboard():
            print(row.family, row.trials, "trials, test accuracy", row.test)
        images, labels = zip(*task.raw("test", 3), strict=True)
        for label, answer in zip(labels, study.best().predict(images), strict=True):
            print("a", label, "is taken for", answer)

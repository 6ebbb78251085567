"""TFDS builders of keraseq's own data sets. Importing one imports TensorFlow Datasets and registers it there."""

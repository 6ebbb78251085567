"""`fit`: loss, optimizer, schedule, early stopping, precision, devices and progress around Keras's own loop."""

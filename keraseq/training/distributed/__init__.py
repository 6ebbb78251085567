"""Training on several devices and machines, with the numbers of one."""

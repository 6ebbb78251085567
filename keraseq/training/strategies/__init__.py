"""Where a model is trained: each strategy gives the scope in which it is compiled and fitted."""

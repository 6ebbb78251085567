"""Search algorithms, one a file. They are asked and told; they neither run nor store."""

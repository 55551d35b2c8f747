"""What the operator API takes and answers, by noun: strict, and the one source of its schema."""

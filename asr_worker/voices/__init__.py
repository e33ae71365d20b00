"""What voices sound like, so that speakers on one channel can be told apart. No I/O but weights."""

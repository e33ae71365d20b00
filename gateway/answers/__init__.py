"""What a caller answers to what was asked, from what was heard of it in one or more utterances."""

"""What devices went through: their steps from state to state, and the time spent in each."""

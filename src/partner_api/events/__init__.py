"""What happened: facts written with what they tell, numbered for each MSP, read in that order."""

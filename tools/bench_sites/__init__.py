"""A bench of Twinseal appliances on one machine, each with its own emulated HSM, folder and port."""

"""The command ``pathworth``: what it can be asked, what its commands do, how it ends."""

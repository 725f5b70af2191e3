"""What a run finds: channels, customers, the quality of the data, and the checks that make its exit code."""

"""Where the published files lie: in a folder or in an S3 bucket."""

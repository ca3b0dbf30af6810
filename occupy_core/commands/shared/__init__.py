"""What all commands share: jobs, records, staging, options, figures, colours."""

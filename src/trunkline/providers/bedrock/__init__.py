"""Amazon Bedrock: Converse for every model, and Claude's own protocol for Claude."""

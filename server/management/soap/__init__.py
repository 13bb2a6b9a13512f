"""The SOAP interface that older integrations sign in with and read the configuration from."""

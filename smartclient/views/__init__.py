"""Views: what is shown together and where, private or shared, kept on the server."""

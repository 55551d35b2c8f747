"""The dashboard: pages for people with a browser (docs/explanation/dashboard.md)."""

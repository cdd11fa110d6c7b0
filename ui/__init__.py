"""What pages are drawn with. Knows Streamlit and arrays, no algorithm: numbers come in, pictures go out."""

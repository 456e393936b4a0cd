"""Self-contained HTML pages: one style, charts as inline SVG, pictures as data URIs. Pure: values in, text out."""

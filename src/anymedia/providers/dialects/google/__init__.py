"""Google's dialect: `generateContent`, `predict` and interactions, as both its surfaces speak it.

The Gemini API and Vertex AI share bodies and answers and differ in addresses, credentials and
what they serve; `surface.py` says where.
"""

"""Makes the verification cases with cryptography that is not Knocker's, so that they prove something."""

"""Claims that are judged without cases: records by computer algebra, published equations by the oracles."""

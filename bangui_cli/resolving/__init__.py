"""From an address to its country and network, with local MMDB files."""

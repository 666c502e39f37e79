"""The command line: `praxia VERB`. A verb's module is imported only when it is called."""

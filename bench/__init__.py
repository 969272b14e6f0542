"""What `make bench` measures: utilisation, the ablation of the scheduling, the table of the paper's claims."""

"""Where rows live: the embedded cluster, roles, pools, and the migrations' runner."""

"""What projects have in common beyond crossed effects (`factors`), and how each deviates (`project_deviation`)."""

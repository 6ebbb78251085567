"""What a study has to say: leaderboard, Pareto front, importance, tables, pictures. Nothing here runs trials."""

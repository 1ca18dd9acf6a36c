"""Built on the package, never imported by it: grading, gallery, studio, benchmark."""

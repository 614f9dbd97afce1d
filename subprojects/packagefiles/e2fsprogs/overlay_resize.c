/* resize_fs without the program around it: the one name that main.c would define. */
char *program_name = "resize2fs";

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shells' side of completion; what may stand somewhere comes from the tables, through the hidden command __complete. */
#include "cli/cli_internal.h"

struct completion {
	const char *shell;
};

static const char bash_script[] = "# bash completion for banger; to be sourced\n"
				  "_banger() {\n"
				  "	local -a words=()\n"
				  "	local i word glue= line cur\n"
				  "	COMPREPLY=()\n"
				  "	# readline breaks words at '=' and ':'; put them together again\n"
				  "	for ((i = 1; i <= COMP_CWORD; i++)); do\n"
				  "		word=${COMP_WORDS[i]}\n"
				  "		if [[ ${#words[@]} -gt 0 && ( $word == [=:] || -n $glue ) ]]; then\n"
				  "			words[${#words[@]}-1]+=$word\n"
				  "			[[ $word == [=:] ]] && glue=1 || glue=\n"
				  "		else\n"
				  "			words+=(\"$word\")\n"
				  "		fi\n"
				  "	done\n"
				  "	cur=${words[${#words[@]}-1]}\n"
				  "	while IFS= read -r line; do\n"
				  "		case $line in\n"
				  "		:file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < "
				  "<(compgen -f -- \"${cur#--*=}\"); return ;;\n"
				  "		:dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < "
				  "<(compgen -d -- \"${cur#--*=}\"); return ;;\n"
				  "		*)\n"
				  "			line=${line%%$'\\t'*}\n"
				  "			[[ $cur == --*=* ]] && line=${line#*=}\n"
				  "			COMPREPLY+=(\"$line\")\n"
				  "			;;\n"
				  "		esac\n"
				  "	done < <(\"${COMP_WORDS[0]}\" __complete -- \"${words[@]}\" 2>/dev/null)\n"
				  "}\n"
				  "complete -F _banger banger\n";

static const char zsh_script[] =
	"#compdef banger\n"
	"# zsh completion for banger; save as _banger in a folder of $fpath, or source it after compinit\n"
	"_banger() {\n"
	"	local line\n"
	"	local -a found\n"
	"	for line in \"${(@f)$(${words[1]} __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
	"		case $line in\n"
	"		:file) _files; return ;;\n"
	"		:dir) _files -/; return ;;\n"
	"		'') ;;\n"
	"		*$'\\t'*) found+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
	"		*) found+=(\"${line//:/\\\\:}\") ;;\n"
	"		esac\n"
	"	done\n"
	"	_describe banger found\n"
	"}\n"
	"if [ \"${funcstack[1]}\" = _banger ]; then _banger; else compdef _banger banger; fi\n";

static const char fish_script[] = "# fish completion for banger; save as ~/.config/fish/completions/banger.fish\n"
				  "function __banger_complete\n"
				  "	set -l words (commandline -opc)\n"
				  "	set -l current (commandline -ct)\n"
				  "	for line in ($words[1] __complete -- $words[2..-1] \"$current\" 2>/dev/null)\n"
				  "		switch $line\n"
				  "			case ':file'\n"
				  "				__fish_complete_path \"$current\"\n"
				  "			case ':dir'\n"
				  "				__fish_complete_directories \"$current\"\n"
				  "			case '*'\n"
				  "				echo $line\n"
				  "		end\n"
				  "	end\n"
				  "end\n"
				  "complete -c banger -f -a '(__banger_complete)'\n";

const char *completion_script(const char *shell)
{
	static const struct {
		const char *shell, *script;
	} all[] = { { "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script } };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (str_eq(all[i].shell, shell))
			return all[i].script;
	return NULL;
}

static int run(const void *in, void *cx)
{
	const struct completion *o = in;
	const char *script = completion_script(o->shell);
	struct err e = { 0 };

	if (script) {
		fputs(script, stdout);
		return 0;
	}
	err_set(&e, ERR_INVALID, "completion: '%s' is none of bash, zsh, fish", o->shell);
	return cli_fail(&e, 1);
}

static const struct opt_arg args[] = { { "SHELL", offsetof(struct completion, shell), .words = CLI_WORDS_SHELL },
	{ 0 } };
static const char *const examples[] = {
	"source <(banger completion bash)",
	"banger completion zsh > ~/.zfunc/_banger",
	"banger completion fish > ~/.config/fish/completions/banger.fish",
	NULL,
};
const struct opt_command cli_completion = {
	.name = "completion",
	.brief = "print a completion script for bash, zsh or fish",
	.about = "Prints a script that completes commands, options and the names of your VMs, images and kernels.",
	.examples = examples,
	.args = args,
	.in_size = sizeof(struct completion),
	.run = run,
};

/** Small Makeflow files, each for one part of the language, that Makeflow itself carries out. */

export interface MakeflowCase {
  readonly what: string;
  readonly text: string;
  /** Beside the files that all cases find: `in`, `in 2` and `data/list`. */
  readonly files?: Readonly<Record<string, string>>;
  readonly ending?: "mf" | "json" | "jx";
  /** More arguments of both. */
  readonly define?: readonly string[];
  /** As it is with Work Queue, which knows what local runs of Makeflow refuse. */
  readonly batch?: "wq";
}

export const cases: readonly MakeflowCase[] = [
  {
    what: "rules in any order",
    text: "c: a b\n\tcat a b > c\nb: a\n\tsed s/x/y/ a > b\na:\n\techo x1 > a\n",
  },
  {
    what: "comments and empty lines",
    text: "# first\n\na: in # inputs\n# between\n\n\techo 1 > a # behind\n\n# last\n",
  },
  {
    what: "a comment that looks like part of a word",
    text: 'a:\n\techo "x#y" \'z #\' \\#q a#b\n\nb:\n\techo "#1" > b\n',
  },
  {
    what: "spaces as indentation, spaces around the colon",
    text: "a :in\n    cat in > a\nb:\ta\n\t  cp a b\n",
  },
  {
    what: "several outputs",
    text: "a b c: in\n\tfor f in a b c; do echo \\$f > \\$f; done\nd: b\n\tcat b > d\n",
  },
  {
    what: "redirections of all kinds",
    text: "a: in\n\t< in > a cat\nb: in\n\tLOCAL <in >b cat\nc: in\n\tcat in nosuch 2>/dev/null >c ; cat<in>>c\nd:\n\t{ echo e >&2; echo o; } > d 2>&1\n",
  },
  {
    what: "pipes, lists and subshells",
    text: "a:\n\t(echo b; echo a) | sort > a && echo ok >> a || echo no >> a\n",
  },
  {
    what: "substitution of variables",
    text: 'V=val\nW="a b"\na:\n\techo $V ${V} $(V) $(V)x \'$V\' "$V" "$(V)-${V}" $W > a\n',
  },
  {
    what: "variables in lists of files",
    text: "O=a b\nI=in data/list\n$O c: $I\n\tcat $I > a; echo b > b; echo c > c\n",
  },
  {
    what: "values are filled where they are set",
    text: "A=1\nB=$A\nA=2\nC=\"$A x\"\nD='$A y'\na:\n\techo $A $B $C $D > a\nA=3\nb:\n\techo $A $B $C > b\n",
  },
  { what: "white space of values", text: 'A =   x   y   \nB\t=\tz\nC=\na:\n\techo "[$A][$B][$C]" $A > a\n' },
  {
    what: "quotes of values",
    text: 'D="  q  "\nE=\'a\'"b"c\nF=a \'b  c\' "d e"\na:\n\techo .$D. .$E. .$F. > a\nb:\n\tprintf "<%s>" $D $E $F > b\n',
  },
  { what: "+=", text: 'A="x"\nA+="y"\nA+= z\nB+=new\nA+=\ttab\na:\n\techo "[$B]" $A > a\n' },
  { what: "a value with its own old one", text: "A=x\nA=$A y\na:\n\techo [$A] > a\n" },
  { what: "operators in values", text: "A=a=b:c+=d\nB=echo b; echo c | cat\na:\n\techo [$A] > a; $B >> a\n" },
  { what: "variables of the environment", text: "H=$HOME/x\na:\n\techo $HOME $H \\$HOME > a\n" },
  {
    what: "variables of a rule",
    text: "V=1\na:\n@V=2\n\techo $V > a\nb:\n@V+=2\n@W+=3\n\techo $V $W > b\nc:\nV=4\n\techo $V > c\nd:\n\techo $V > d\n",
  },
  {
    what: "export",
    text: 'A=1\nexport A\na:\n\techo \\$A > a\nA=2\nexport B=3\nexport C D\nC=4\nexport HOME\nb:\n@A=5\n\techo "\\$A \\$B \\$C [\\$D] \\$HOME" > b\nexport E=6\nexport Q="x y"\nc:\n\techo \\$A \\$E \\$Q > c\n',
  },
  {
    what: "a late export counts for earlier rules",
    text: 'A=1\na:\n\techo "[\\$A]" > a\nexport A\nA=2\nb:\n\techo "[\\$A]" > b\n',
  },
  {
    what: "categories and their variables",
    text: 'X=0\na:\n\techo "$X [\\$CATEGORY]" > a\n.MAKEFLOW CATEGORY one\nX=1\nCORES=1\nb:\n\techo $X $CATEGORY \\$CATEGORY $CORES \\$CORES > b\nCATEGORY=two\nc:\n\techo "$X $CATEGORY" > c\nCATEGORY="one"\nd:\n\techo $X \\$CORES > d\n',
  },
  {
    what: "resources as directives and variables",
    text: '.MAKEFLOW CATEGORY one\n.MAKEFLOW CORES 1\n.MAKEFLOW MEMORY 50\n.MAKEFLOW DISK 20\n.MAKEFLOW WALL_TIME 60\n.MAKEFLOW MODE MAX_THROUGHPUT\n.SIZE in 1024\n.SIZE a 5M\nGPUS=0\na: in\n\techo "\\$CORES \\$MEMORY \\$DISK \\$WALL_TIME \\$GPUS \\$OMP_NUM_THREADS" $MEMORY > a\n',
  },
  {
    what: "lines that go on",
    text: 'A=a \\\n   b\nB=c\\\nd\na b: in "in 2"\n\techo "$A" $B "x\\\n   y" > a; \\\n    echo \'p\\\nq\' > b\n',
  },
  {
    what: "dollars for the shell",
    text: "a:\n\tfor i in 1 2; do echo \\$i \\$((i+1)) \\$(echo hi); done > a\nb:\n\techo '$HOME' '\\$HOME' \"\\$HOME\" > b\nc: in\n\tawk '{print $1}' in > c; awk \"{print \\$1}\" in >> c\n",
  },
  {
    what: "backslashes outside of quotes",
    text: "a:\n\techo x\\\\\\\\y a\\;b \\\\\\$HOME \\\\\\\" > a; printf '%s.' \\n >> a\n",
  },
  {
    what: "backslashes of values",
    text: 'A=\\t\nB=x\\ty \\\\ \\q\\\'\nexport A B\na:\n\tprintf \'<%s>\' "\\$A" "\\$B" > a\nA=x\\ty\nb:\n@A+=\\tz\n\tprintf \'<%s>\' $A "$A" \\t "\\$A" > b\n',
  },
  {
    what: "escapes in double quotes",
    text: 'a:\n\tprintf "a\\tb\\nc" > a; echo "\\"q\\" \\\\ $HOME \\$HOME" >> a\n',
  },
  {
    what: "white space with which quoted texts begin",
    text: 'V="  v"\na:\n\techo "  x" \'  y\' " " "$V  z" > a\n',
  },
  { what: "escapes in single quotes", text: "a:\n\techo 'a\\b' '\\(x\\)' 'say \"x\"' > a\n" },
  { what: "single quotes in double quotes", text: "V=v\na:\n\techo \"'$V'\" \"a 'b' c\" > a\n" },
  { what: "back quotes", text: "a:\n\techo `echo x` \\`echo y\\` > a\n" },
  {
    what: "braces that qrew would take for placeholders",
    text: "a:\n\techo '{{i}} {{{{x}}}} {{ .Names }}' > a\n",
  },
  {
    what: "names of files with spaces",
    text: '"o 1": "in 2"\n\tcat "in 2" > "o 1"\n\'o 2\' c: "o 1" in\\ 2\n\tcat \'o 1\' > "o 2"; echo c > c\nP="o 3" d\n$P: "o 2"\n\tcat "o 2" > "o 3"; echo d > d\n',
  },
  {
    what: "dashes and arrows in names",
    text: 'a-b: in\n\tcat in > a-b\nc-d: a-b\n\tcat a-b > c-d\n"x->y": a-b\n\tcat a-b > "x->y"\n',
  },
  { what: "outputs in folders", text: "d/e/a:\n\tmkdir -p d/e; echo 1 > d/e/a\nb: d/e/a\n\tcat d/e/a > b\n" },
  { what: "a folder as output", text: "d:\n\tmkdir d; echo 1 > d/x\nb: d data\n\tcat d/x data/list > b\n" },
  {
    what: "LOCAL",
    text: "a: in\n\tLOCAL echo 1 > a\nb:\n\t  LOCAL\techo LOCAL > b\nc:\n\tX=LOCAL; echo \\$X > c\n",
  },
  { what: "a rule that makes no file", text: ": in\n\techo 1 > a\n" },
  {
    what: "a rule that succeeds when it is repeated",
    text: "a:\n\ttest -e mark || { touch mark; exit 1; }; echo 1 > a\n",
  },
  {
    what: "a rule that does not make its file is repeated, and what needs it does not run",
    text: "a:\n\techo x >> runs\n\nb: a\n\techo 1 > b\n",
  },
  {
    what: "a rule that does not make all of its files",
    text: "a 'b*':\n\techo x >> runs; touch bc\n\nc: a\n\techo 1 > c\n",
  },
  {
    what: "names of files with characters of patterns",
    text: "'a*' 'b?' 'c[x]':\n\ttouch 'a*' 'b?' 'c[x]'\n\nd: 'a*'\n\techo 1 > d\n",
  },
  {
    what: "a nested workflow that does not make its file",
    text: "x:\n\tMAKEFLOW sub.mf\n\ny: x\n\techo 1 > y\n",
    files: { "sub.mf": "z:\n\techo 1 > z\n" },
  },
  {
    what: "a nested workflow that makes its file by the way",
    text: "x z:\n\tMAKEFLOW sub.mf\n\ny: x\n\techo 1 > y\n",
    files: { "sub.mf": "z:\n\techo 1 > z; echo 2 > x\n" },
  },
  {
    what: "names that only Makeflow's other tools look at",
    text: 'MAKEFLOW_INPUTS=in\nMAKEFLOW_OUTPUTS="a"\nBATCH_OPTIONS="-q x"\na: in\n@BATCH_LOCAL=1\n\tcat in > a\n',
  },
  {
    what: "a nested workflow",
    text: "export A=1\nd/x: d/in sub.mf\n\tMAKEFLOW sub.mf\n\n",
    files: {
      "d/in": "din\n",
      "sub.mf": 'V=s\nd/x: d/y\n\tcat d/y > d/x\nd/y: d/in\n\techo "$V [\\$A]" > d/y; cat d/in >> d/y\n',
    },
  },
  {
    what: "remote names",
    batch: "wq",
    text: "a -> b: in->x data/list\n\tcat x data/list > b; pwd > /dev/null\nc->out: a->d/in1\n\tcat d/in1 > out\n",
  },
  {
    what: "JSON with environments, categories and resources",
    ending: "json",
    text: JSON.stringify({
      environment: { A: "a b", B: "b" },
      categories: { foo: { environment: { B: "bfoo", C: "cfoo" }, resources: { cores: 1, memory: 10 } } },
      default_category: "foo",
      rules: [
        {
          command: "echo $A $B $C [$CORES] [$MEMORY] '$x' \"$A  $B\" `echo ho` a   b {{i}} > o1",
          outputs: ["o1"],
          inputs: ["in"],
        },
        {
          command: "echo $A $B $C [$CORES] > o2",
          outputs: [{ dag_name: "o2" }],
          category: "bar",
          resources: { cores: 1, "wall-time": 60 },
          environment: { C: "rule" },
        },
        { command: "cat o1 o2 > o3", inputs: ["o1", "o2"], outputs: ["o3"], local_job: true },
        { command: "test -s o3", inputs: ["o3"] },
      ],
    }),
  },
  {
    what: "JSON with keys and resources of which nothing is made",
    ending: "json",
    text: JSON.stringify({
      author: "somebody",
      categories: { default: { colour: "red", resources: { disk: 7, "mpi-processes": 1 } } },
      rules: [
        { command: "echo $DISK $MPI_PROCESSES $CORES > a", outputs: ["a"], output: ["never"], note: 1 },
        { command: "echo $DISK $CORES > b", outputs: ["b"], resources: { disk: 9 } },
      ],
    }),
  },
  {
    what: "JX: definitions, loops and conditions",
    ending: "jx",
    text: `# A comment
{
  "define": { "RANGE": range(1, 4), "FILES": [ "o." + N + ".txt" for N in RANGE ], "SUFFIX": ".txt" },
  "categories": { "one": { "resources": { "cores": len(RANGE) - 2, "memory": 10 } } },
  "rules": [
    {
      "command": "echo " + N + " $CORES > o." + N + SUFFIX, # of each
      "outputs": [ "o." + N + SUFFIX ],
      "category": "one",
    } for N in RANGE,
    { "command": format("echo %d-%d > p%d%d", a, b, a, b), "outputs": [ format("p%d%d", a, b) ] } for a in RANGE for b in range(a) if a + b > 2,
    { "command": "cat " + join(FILES) + " > all", "inputs": FILES, "outputs": [ "all" ] }
  ]
}
`,
  },
  {
    what: "JX: functions and operators",
    ending: "jx",
    text: `{ "rules": [ {
  "command": "printf '%s\\\\n' " + join([escape(t) for t in [
    template("{a}{{}}-{ b }", {"a": 1, "b": "x"}), basename("d/in.txt", ".txt"), dirname("d/e/in"), "" + 8 - 2 - 1, "x" + 1 + 2,
    "" + 1 / 3.0, "" + 1e20, "" + 7 / 2, "" + -7 % 3, "" + ceil(1.2) + floor(-1.5), format("%f %e %g", 2.5, 2.5, 2.5), "" + len([1, 2]),
    "" + (1 < 2 and not (2 < 1) or false), "" + ([1, 2] == [1, 2]), join([k for k in keys({"m": 1, "n": 2})], "+"),
    "" + [5, 6, 7][-1], join(["a", "b", "c"][1:]), {"k": "$v"}["k"], "" + like("^a.*c$", "abc"), join(project(n, select(s > 1, [{"n": "p", "s": 1}, {"n": "q", "s": 2}])))
  ]]) + " > o",
  "outputs": ["o"]
} ] }
`,
  },
  {
    what: "JX: nested workflows with arguments",
    ending: "jx",
    text: `{ "rules": [
  { "workflow": "sub.jx", "args": { "n": i, "word": "w" + i }, "inputs": ["sub.jx"], "outputs": ["out." + i] } for i in range(2),
  { "command": "cat out.0 out.1 > all", "inputs": ["out.0", "out.1"], "outputs": ["all"] }
] }
`,
    files: {
      "sub.jx":
        '{ "rules": [ { "command": template("echo {word} > out.{n}"), "outputs": ["out." + n] } ] }\n',
    },
  },
  {
    what: "JX: variables from outside",
    ending: "jx",
    define: ["--jx-args", "data/args", "--jx-define", "N=COUNT+1", "--jx-define", 'S="a b"'],
    text: '{ "define": { "N": 100, "T": S + "!" }, "rules": [ { "command": "echo " + N + " " + T + " > o", "outputs": ["o"] } ] }\n',
    files: { "data/args": '{ "COUNT": 2 }\n' },
  },
];

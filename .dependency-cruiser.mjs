/**
 * The import directions of DESIGN.md: `protocol ← src ← {manager, worker, executor} ← {test, bench}`.
 *
 * Two rule sets, run by scripts/check-imports.mjs. `directions` looks at all imports, those of types among them. `purity`
 * looks at what is left at run time: from a core one may reach, at any distance, neither Node nor an npm package, so
 * `import type` from a protocol file that uses a package is fine and an import of its values is not.
 */
const ACTORS = "manager|worker|executor";
const CORE = `^(${ACTORS})/core/`;

/** What a core may import beside itself. The purity rule judges whether the file's values are fit for it. */
const CORE_MAY_IMPORT = [
  "^protocol/[^/]+\\.ts$",
  "^src/workflow/(plan|demand)\\.ts$",
  "^src/lease\\.ts$",
  "^src/transientMap\\.ts$",
  "^src/node/resources\\.ts$",
  "^src/store/\\w+Records\\.ts$",
];

export const directions = [
  {
    name: "protocol-stands-alone",
    severity: "error",
    from: { path: "^protocol/" },
    to: { path: "^(src|manager|worker|executor|test|bench|scripts|examples)/" },
  },
  {
    name: "src-knows-no-actor",
    severity: "error",
    from: { path: "^src/" },
    to: { path: "^(manager|worker|executor|test|bench|scripts|examples)/" },
  },
  {
    name: "actors-are-not-imported-by-actors",
    severity: "error",
    from: { path: `^(${ACTORS})/` },
    to: { path: `^(${ACTORS})/`, pathNot: "^$1/" },
  },
  {
    name: "nothing-imports-tests-or-benches",
    severity: "error",
    from: { path: `^(${ACTORS})/` },
    to: { path: "^(test|bench|scripts|examples)/" },
  },
  {
    name: "bench-imports-no-tests",
    severity: "error",
    from: { path: "^bench/" },
    to: { path: "^(test|examples)/" },
  },
  {
    name: "only-tests-of-the-bench-import-it",
    severity: "error",
    from: { path: "^test/", pathNot: "^test/unit/bench/" },
    to: { path: "^(bench|examples)/" },
  },
  {
    name: "a-core-imports-only-its-own-and-what-is-listed",
    severity: "error",
    from: { path: CORE },
    to: { pathNot: ["^$1/core/", ...CORE_MAY_IMPORT] },
  },
  { name: "no-cycle", severity: "error", from: {}, to: { circular: true } },
  { name: "every-import-resolves", severity: "error", from: {}, to: { couldNotResolve: true } },
  {
    name: "shipped-code-needs-only-dependencies",
    severity: "error",
    from: { path: `^(protocol|src|${ACTORS})/` },
    to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
  },
];

export const purity = [
  {
    name: "a-core-reaches-neither-node-nor-npm",
    severity: "error",
    from: { path: CORE },
    to: { reachable: true, pathNot: `^(protocol|src|${ACTORS})/` },
  },
];

/**
 * Where the variables of a Makeflow file live. A rule sees its own, then those of its category, then the global ones, then the
 * environment. What is set while a category is chosen belongs to that category; without one it is global.
 */
export class Scopes {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #globals = new Map<string, string>();
  readonly #categories = new Map<string, Map<string, string>>();
  #category: string | null = null;

  constructor(environment: Readonly<Record<string, string>>) {
    this.#environment = environment;
  }

  /** The value as it is now, or null. `own` are the variables of a rule. */
  lookup(name: string, own: ReadonlyMap<string, string>): string | null {
    const value = this.lookupSet(name, own);
    if (value !== null) return value;
    return Object.hasOwn(this.#environment, name) ? (this.#environment[name] ?? null) : null;
  }

  /** As `lookup`, without the environment. */
  lookupSet(name: string, own: ReadonlyMap<string, string>): string | null {
    const mine = own.get(name);
    if (mine !== undefined) return mine;
    const chosen = own.get("CATEGORY");
    const category = chosen ?? this.#category;
    if (name === "CATEGORY") return category;
    const shared = category === null ? undefined : this.#categories.get(category)?.get(name);
    return shared ?? this.#globals.get(name) ?? null;
  }

  assign(name: string, value: string): void {
    if (name === "CATEGORY") this.chooseCategory(value);
    else this.#current().set(name, value);
  }

  chooseCategory(value: string): void {
    const name = value.trim();
    this.#category = name === "" ? null : name;
    if (name !== "" && !this.#categories.has(name)) this.#categories.set(name, new Map());
  }

  #current(): Map<string, string> {
    return this.#category === null ? this.#globals : (this.#categories.get(this.#category) ?? this.#globals);
  }
}

/** The text without the quotes around all of it. */
export function unquoted(value: string): string {
  const trimmed = value.trim();
  const quote = trimmed[0];
  const isQuoted = (quote === '"' || quote === "'") && trimmed.length >= 2 && trimmed.endsWith(quote);
  return isQuoted ? trimmed.slice(1, -1) : trimmed;
}

/**
 * As much of JSON Schema (draft 7) as src/workflow/workflow.schema.json uses. A word that is not known here throws, so that the
 * schema cannot say something that no test looks at.
 */
type Schema = Readonly<Record<string, unknown>>;

const SILENT: ReadonlySet<string> = new Set(["$schema", "title", "description", "definitions", "then"]);

const isObject = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const sameValue = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

export class JsonSchema {
  readonly #root: Schema;

  constructor(root: unknown) {
    this.#root = asSchema(root);
  }

  accepts(value: unknown): boolean {
    return this.#meets(this.#root, value);
  }

  #meets(schema: Schema, value: unknown): boolean {
    return Object.entries(schema).every(
      ([word, given]) => SILENT.has(word) || this.#meetsWord(word, given, schema, value),
    );
  }

  #meetsWord(word: string, given: unknown, schema: Schema, value: unknown): boolean {
    switch (word) {
      case "$ref":
        return this.#meets(this.#definition(asText(given)), value);
      case "anyOf":
        return asList(given).some((one) => this.#meets(asSchema(one), value));
      case "allOf":
        return asList(given).every((one) => this.#meets(asSchema(one), value));
      case "not":
        return !this.#meets(asSchema(given), value);
      case "if":
        return !this.#meets(asSchema(given), value) || this.#meets(asSchema(schema["then"]), value);
      case "type":
        return [given].flat().some((name) => typeOf(value).includes(asText(name)));
      case "const":
        return sameValue(given, value);
      case "enum":
        return asList(given).some((one) => sameValue(one, value));
      default:
        return this.#meetsOfType(word, given, schema, value);
    }
  }

  /** Words that say nothing of values of another type. */
  #meetsOfType(word: string, given: unknown, schema: Schema, value: unknown): boolean {
    switch (word) {
      case "minimum":
        return typeof value !== "number" || value >= Number(given);
      case "maximum":
        return typeof value !== "number" || value <= Number(given);
      case "pattern":
        return typeof value !== "string" || new RegExp(asText(given), "u").test(value);
      case "minLength":
        return typeof value !== "string" || value.length >= Number(given);
      case "maxLength":
        return typeof value !== "string" || value.length <= Number(given);
      case "minItems":
        return !Array.isArray(value) || value.length >= Number(given);
      case "maxItems":
        return !Array.isArray(value) || value.length <= Number(given);
      case "items":
        return !Array.isArray(value) || this.#meetsItems(given, schema["additionalItems"], value);
      case "additionalItems":
        return true;
      default:
        return !isObject(value) || this.#meetsObject(word, given, schema, value);
    }
  }

  #meetsItems(given: unknown, others: unknown, items: readonly unknown[]): boolean {
    if (!Array.isArray(given)) return items.every((item) => this.#meets(asSchema(given), item));
    const places: readonly unknown[] = given;
    return items.every((item, at) => this.#meets(asSchema(places[at] ?? others ?? {}), item));
  }

  #meetsObject(word: string, given: unknown, schema: Schema, value: Schema): boolean {
    const keys = Object.keys(value);
    switch (word) {
      case "required":
        return asList(given).every((key) => Object.hasOwn(value, asText(key)));
      case "minProperties":
        return keys.length >= Number(given);
      case "maxProperties":
        return keys.length <= Number(given);
      case "propertyNames":
        return keys.every((key) => this.#meets(asSchema(given), key));
      case "properties":
        return Object.entries(asSchema(given)).every(
          ([key, one]) => !Object.hasOwn(value, key) || this.#meets(asSchema(one), value[key]),
        );
      case "patternProperties":
        return true;
      case "additionalProperties":
        return keys
          .filter((key) => !isNamed(schema, key))
          .every((key) => given !== false && this.#meets(asSchema(given), value[key]));
      default:
        throw new Error(`the schema has the word ${word}, which the tests do not know`);
    }
  }

  #definition(reference: string): Schema {
    const name = reference.replace("#/definitions/", "");
    return asSchema(asSchema(this.#root["definitions"])[name]);
  }
}

function isNamed(schema: Schema, key: string): boolean {
  const patterns = Object.keys(asSchema(schema["patternProperties"] ?? {}));
  const isPattern = patterns.some((pattern) => new RegExp(pattern, "u").test(key));
  return isPattern || Object.hasOwn(asSchema(schema["properties"] ?? {}), key);
}

function typeOf(value: unknown): readonly string[] {
  if (value === null) return ["null"];
  if (Array.isArray(value)) return ["array"];
  if (typeof value === "number") return Number.isInteger(value) ? ["integer", "number"] : ["number"];
  return [typeof value];
}

function asSchema(value: unknown): Schema {
  if (isObject(value)) return value;
  throw new Error(`${JSON.stringify(value)} is no schema`);
}

function asList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`${JSON.stringify(value)} is no list`);
}

function asText(value: unknown): string {
  if (typeof value === "string") return value;
  throw new Error(`${JSON.stringify(value)} is no text`);
}

/**
 * Where a schema refuses a value, told without a word of the value.
 */
import * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type { AST } from "effect/SchemaAST"

/** Adds the names that a schema itself has; the keys of a record are data. */
const collectNames = (ast: AST, names: Set<unknown>, seen: Set<AST>): void => {
  if (seen.has(ast)) return
  seen.add(ast)
  const collect = (part: AST) => collectNames(part, names, seen)
  switch (ast._tag) {
    case "TypeLiteral":
      for (const { name, type } of ast.propertySignatures) {
        names.add(name)
        collect(type)
      }
      for (const { type } of ast.indexSignatures) collect(type)
      break
    case "TupleType":
      for (const { type } of [...ast.elements, ...ast.rest]) collect(type)
      break
    case "Union":
      ast.types.forEach(collect)
      break
    case "Declaration":
      ast.typeParameters.forEach(collect)
      break
    case "Refinement":
      collect(ast.from)
      break
    case "Transformation":
      collect(ast.from)
      collect(ast.to)
      break
    case "Suspend":
      collect(ast.f())
  }
}

/** The paths at which a schema refuses a value: its own names and the indices of arrays, and `*` for any other key. */
export const refusedPlaces = (schema: Schema.Schema.All, error: ParseResult.ParseError): string => {
  const names = new Set<unknown>()
  collectNames(schema.ast, names, new Set())
  const paths = ParseResult.ArrayFormatter.formatErrorSync(error).map(({ path }) =>
    path.map((key) => (typeof key === "number" || names.has(key) ? String(key) : "*")).join(".")
  )
  return [...new Set(paths)].filter((path) => path !== "").join(", ")
}

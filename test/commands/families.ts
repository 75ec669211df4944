/// <reference types="vite/types/importMeta.d.ts" />
import type { Case } from "./case.js"

/** The cases of one family, or why they cannot be loaded. */
export interface Family {
  readonly name: string
  readonly cases: ReadonlyArray<Case>
  readonly failure: unknown
}

const load = async (path: string, read: () => Promise<Record<string, unknown>>): Promise<Family> => {
  const name = /([^/]+)\.cases\.ts$/.exec(path)?.[1] ?? path
  try {
    const cases = Object.values(await read())
      .filter((value) => Array.isArray(value))
      .flat() as ReadonlyArray<Case>
    return { name, cases, failure: cases.length === 0 ? new Error(`${path} exports no cases`) : undefined }
  } catch (failure) {
    return { name, cases: [], failure }
  }
}

/** Every `*.cases.ts` beside this file. */
export const families: ReadonlyArray<Family> = await Promise.all(
  Object.entries(import.meta.glob<Record<string, unknown>>("./*.cases.ts")).map(([path, read]) => load(path, read))
)

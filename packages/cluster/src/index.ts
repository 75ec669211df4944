/**
 * @since 0.1.0
 */
export * as Slot from "./Slot.js"

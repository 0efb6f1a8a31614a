/** Type-level marks. Symbols, so that editors do not offer them; they do not exist when the program runs. */
export declare const carries: unique symbol
export declare const sameKey: unique symbol
export declare const isA: unique symbol
export declare const reads: unique symbol
export declare const writes: unique symbol

export declare function copyTokenizer(): Promise<string>;

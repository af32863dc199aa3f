export declare function findChromium(): string | null;
export declare function hasLavapipe(): boolean;
export declare function ensureSystemPackages(log?: (line: string) => void): string[];

export declare const pagePolicy: string;
export declare const relayPolicy: string;
export declare function policyFor(path: string): string;

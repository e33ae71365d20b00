export default { optimizeDeps: { exclude: ["callscribe"] } };

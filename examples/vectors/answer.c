/* Answers the vectors of three activations, in C with nothing but libc and libm:

       cc -O1 -ffp-contract=off answer.c -o answer -lm
       ./answer ../../vectors > results.json
       gradproof vectors verify results.json

   It reads the .tsv twins, one test a line. The slope of sigmoid is WRONG on purpose: a(1 - a) is 0 from z = 37 on. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { double value, slope; } Answer;

static Answer tanh_(double z)
{
    double e = exp(-2 * fabs(z));                  /* sech^2 z = 4e/(1 + e)^2: nothing cancels */
    return (Answer){tanh(z), 4 * e / ((1 + e) * (1 + e))};
}

static Answer softsign(double z)
{
    double d = 1 + fabs(z), s = 1 / d;             /* d*d may overflow, s*s only underflows */
    if (isinf(z)) return (Answer){copysign(1, z), 0};
    return (Answer){z / d, s * s};
}

static Answer sigmoid(double z)
{
    double a = z < 0 ? exp(z) / (1 + exp(z)) : 1 / (1 + exp(-z));
    return (Answer){a, a * (1 - a)};               /* planted: the right one is e/(1 + e)^2, e = exp(-|z|) */
}

static const struct { const char *name; Answer (*f)(double); } FORMULAS[] = {
    {"activation/tanh.float64", tanh_},
    {"activation/softsign.float64", softsign},
    {"activation/sigmoid.float64", sigmoid},
};

static void print_number(double x)                 /* %a of a NaN may be -nan, which is no word of the vectors */
{
    if (isnan(x)) printf("\"nan\"");
    else printf("\"%a\"", x);
}

static int answer(const char *folder, const char *name, Answer (*f)(double))
{
    char path[4096], line[4096];
    snprintf(path, sizeof path, "%s/%s.tsv", folder, name);
    FILE *file = fopen(path, "r");
    if (!file) { perror(path); return 0; }
    int first = 1;
    if (!fgets(line, sizeof line, file)) { fclose(file); return 0; }            /* the names of the columns */
    while (fgets(line, sizeof line, file)) {
        char *id = strtok(line, "\t");
        for (int k = 0; k < 3; k++) strtok(NULL, "\t");                          /* group, result, parameters */
        Answer a = f(strtod(strtok(NULL, "\t"), NULL));
        printf("%s\n   \"%s\": {\"outputs\": {\"value\": [", first ? "" : ",", id);
        print_number(a.value);
        printf("]}, \"gradients\": {\"z\": [");
        print_number(a.slope);
        printf("]}}");
        first = 0;
    }
    fclose(file);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 2) { fprintf(stderr, "usage: %s VECTORS > results.json\n", argv[0]); return 2; }
    printf("{\"schema\": \"gradproof-results-1\", \"version\": \"1\", \"program\": \"answer.c\",\n \"results\": {");
    for (size_t k = 0; k < sizeof FORMULAS / sizeof *FORMULAS; k++) {
        printf("%s\n  \"%s\": {", k ? "," : "", FORMULAS[k].name);
        if (!answer(argv[1], FORMULAS[k].name, FORMULAS[k].f)) return 2;
        printf("}");
    }
    printf("\n }}\n");
    return 0;
}

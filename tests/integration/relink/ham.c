#include <math.h>

double ham_root(double number)
{
    return sqrt(number);
}

#ifndef NEWER_BLUETOOTH_SCO_H
#define NEWER_BLUETOOTH_SCO_H

#include <bluetooth/bluetooth.h>

struct sockaddr_sco {
    sa_family_t sco_family;
    bdaddr_t sco_bdaddr;
};

#endif

#ifndef NEWER_BLUETOOTH_L2CAP_H
#define NEWER_BLUETOOTH_L2CAP_H

#include <bluetooth/bluetooth.h>

struct sockaddr_l2 {
    sa_family_t l2_family;
    unsigned short l2_psm;
    bdaddr_t l2_bdaddr;
    unsigned short l2_cid;
    uint8_t l2_bdaddr_type;
};

#endif

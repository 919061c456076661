# Machines of the platform: six providers in three regions, and Iceland, whose providers have no API and are ordered by hand.
#
#   terraform init && terraform apply -var ssh_key="$(cat ~/.ssh/platform.pub)" -var 'admins=["203.0.113.7/32"]'
#   terraform apply … -var "peers=$(terraform output -json peers)"        # databases and nodes are for each other
#   terraform output -json inventory > ../ansible/hosts.json
#
# Each provider finds its secret in the environment: HCLOUD_TOKEN, OS_* (OVH Public Cloud), DIGITALOCEAN_TOKEN, LINODE_TOKEN, VULTR_API_KEY, AWS_*.

terraform {
  required_version = ">= 1.5"
  required_providers {
    hcloud = {
      source  = "hetznercloud/hcloud"
      version = "~> 1.50"
    }
    openstack = {
      source  = "terraform-provider-openstack/openstack"
      version = "~> 3.0"
    }
    digitalocean = {
      source  = "digitalocean/digitalocean"
      version = "~> 2.50"
    }
    linode = {
      source  = "linode/linode"
      version = "~> 3.0"
    }
    vultr = {
      source  = "vultr/vultr"
      version = "~> 2.20"
    }
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "openstack" {
  auth_url = "https://auth.cloud.ovh.net/v3/"
  region   = "DE1"
}

provider "aws" {
  region = "ap-southeast-1"
}
